// Hides AVX-512, AVX-VNNI and AMX from the programs that it is loaded into, to measure what they do on a processor with AVX2:
//
//     cc -O2 -shared -fPIC -o mask_cpuid.so mask_cpuid.c
//     LD_PRELOAD=$PWD/mask_cpuid.so pointsman bench devices --devices cpu --engine int16 --peer "ort=python devices.py ort --dtype int8"
//
// Linux lets a thread forbid itself the instruction `cpuid` (arch_prctl(2), ARCH_CPUID), which then raises SIGSEGV; the handler
// gives the answer with some bits cleared. Needs a processor with CPUID faulting (`cpuid_fault` in /proc/cpuinfo).
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { ARCH_CPUID = 0x1012 };

#define BIT(n) (1u << (n))

static void clear(uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
    if (leaf != 7) return;
    if (subleaf == 0) {
        r[1] &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31));        // F, DQ, IFMA, CD, BW, VL
        r[2] &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));                    // VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ
        r[3] &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25)); // 4VNNIW, 4FMAPS, VP2INTERSECT, AMX, FP16
    } else if (subleaf == 1) {
        r[0] &= ~(BIT(4) | BIT(5)); // AVX-VNNI, AVX512-BF16
    }
}

static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)registers[REG_RIP];
    if (code[0] != 0x0f || code[1] != 0xa2) { // not cpuid: a fault of the program's own
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigaction(signal, &standard, NULL);
        return;
    }
    uint32_t leaf = (uint32_t)registers[REG_RAX], subleaf = (uint32_t)registers[REG_RCX], r[4];
    syscall(SYS_arch_prctl, ARCH_CPUID, 1);
    __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
    syscall(SYS_arch_prctl, ARCH_CPUID, 0);
    clear(leaf, subleaf, r);
    registers[REG_RAX] = r[0];
    registers[REG_RBX] = r[1];
    registers[REG_RCX] = r[2];
    registers[REG_RDX] = r[3];
    registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void) {
    struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    sigaction(SIGSEGV, &ours, NULL);
    if (syscall(SYS_arch_prctl, ARCH_CPUID, 0) != 0) {
        perror("mask_cpuid: this machine cannot fault on cpuid");
        exit(1);
    }
}
