//! Figures for people.

use super::measure::Figure;

/// A line for each figure, shapes apart, the times relative to the first engine's of the shape.
pub(super) fn of(figures: &[Figure]) -> String {
    let mut text = format!(
        "{:<18} {:>7} {:>5} {:>6} {:>9} {:>9} {:>9} {:>7} {:>6}",
        "engine", "threads", "batch", "tokens", "ms", "tokens/s", "prompts/s", "of peak", "times"
    );
    let shape = |figure: &Figure| (figure.threads, figure.batch, figure.length);
    for same in figures.chunk_by(|a, b| shape(a) == shape(b)) {
        for figure in same {
            text += &format!(
                "\n{:<18} {:>7} {:>5} {:>6} {:>9.3} {:>9.0} {:>9.1} {:>6.0} % {:>6.2}",
                figure.engine,
                figure.threads,
                figure.batch,
                figure.length,
                1e3 * figure.seconds,
                figure.tokens_per_s,
                figure.prompts_per_s,
                100.0 * figure.share_of_peak,
                figure.seconds / same[0].seconds,
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_relative_to_the_first_of_a_shape() {
        let figure = |engine: &str, length, seconds: f64| Figure {
            engine: engine.to_owned(),
            threads: 1,
            batch: 2,
            length,
            seconds,
            tokens_per_s: 2.0 * length as f64 / seconds,
            prompts_per_s: 2.0 / seconds,
            share_of_peak: 0.5,
            runs: 9,
        };
        let figures = [
            figure("int16-avx2", 16, 0.001),
            figure("f32-avx2", 16, 0.0015),
            figure("int16-avx2", 64, 0.004),
        ];
        insta::assert_snapshot!(of(&figures), @r"
        engine             threads batch tokens        ms  tokens/s prompts/s of peak  times
        int16-avx2               1     2     16     1.000     32000    2000.0     50 %   1.00
        f32-avx2                 1     2     16     1.500     21333    1333.3     50 %   1.50
        int16-avx2               1     2     64     4.000     32000     500.0     50 %   1.00
        ");
    }
}
