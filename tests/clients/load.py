"""Requests at a steady rate over kept connections."""

import http.client
import json
import threading
import time
from urllib.parse import urlsplit


class Load:
    """Sends `rate` requests a second from `clients` threads until it is stopped or the server is gone.

    Each answer is kept as (id of the decision, moment, seconds it took).
    """

    def __init__(self, url, rate, clients=16, prompt="what is {number} plus {number}?"):
        self.address = urlsplit(url).netloc
        self.rate, self.clients, self.prompt = rate, clients, prompt
        self.answers = []
        self.failed = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(place,)) for place in range(clients)]

    def start(self):
        [thread.start() for thread in self._threads]
        return self

    def stop(self):
        """Waits for the answers that are on their way."""
        self._stop.set()
        [thread.join() for thread in self._threads]
        return self

    def _send(self, place):
        connection = http.client.HTTPConnection(self.address, timeout=180)
        start, number = time.monotonic(), place
        while not self._stop.wait(max(0, start + number / self.rate - time.monotonic())):
            body = {"model": "auto", "messages": [{"role": "user", "content": self.prompt.format(number=number)}]}
            number += self.clients
            began = time.monotonic()
            try:
                connection.request("POST", "/v1/chat/completions", json.dumps(body))
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException):
                self.failed += 1
                return
            now = time.monotonic()
            assert response.status == 200, response.status
            self.answers.append((response.headers["x-pointsman-decision"], now, now - began))
