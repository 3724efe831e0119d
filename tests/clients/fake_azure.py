"""A server that speaks Azure OpenAI's API, for tests: `python fake_azure.py` prints its port and serves.

It answers as `fake_openai` does, with what Azure's filters say before each stream, at the addresses of both kinds:

    /openai/deployments/NAME/…?api-version=VERSION   with the version below and no other
    /openai/v1/…                                     without a version

It refuses requests that do not carry the key `planted-azure-key` in the header `api-key`, or carry any other credential.
`GET /seen` also tells at which addresses it was asked.
"""

import re
import urllib.parse

import fake_openai

KEY = "planted-azure-key"
VERSION = "2024-10-21"
FILTERED = b'data: {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}\n\n'


class Handler(fake_openai.Handler):
    seen = fake_openai.Handler.seen | {"paths": []}

    def do_POST(self):
        self.seen["paths"].append(self.path)
        url = urllib.parse.urlsplit(self.path)
        dated = re.fullmatch(r"/openai/deployments/[^/]+(/.+)", url.path)
        if dated and urllib.parse.parse_qs(url.query) == {"api-version": [VERSION]}:
            self.path = f"/v1{dated[1]}"
        elif url.path.startswith("/openai/v1/") and not url.query:
            self.path = url.path.removeprefix("/openai")
        else:
            self.rfile.read(int(self.headers["content-length"]))
            return self.error(404, "Resource not found", "404")
        super().do_POST()

    def is_known(self):
        others = {"authorization", "x-api-key"} & {name.lower() for name in self.headers}
        return self.headers.get("api-key") == KEY and not others

    def begin(self):
        super().begin()
        self.chunk(FILTERED)


if __name__ == "__main__":
    fake_openai.serve(Handler)
