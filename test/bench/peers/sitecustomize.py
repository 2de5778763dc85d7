# Python loads this file by its name, from PYTHONPATH, before the connector's own code: it sends requests for Salesforce's login host, which
# the connectors cannot be configured to replace, to the emulator. Nothing else of them changes.
import os

import requests

LOGIN_HOST = "https://login.salesforce.com"

original_send = requests.Session.send


def send(self, request, **kwargs):
    if request.url.startswith(LOGIN_HOST):
        request.url = os.environ["EMULATOR_LOGIN_URL"] + request.url[len(LOGIN_HOST) :]
    return original_send(self, request, **kwargs)


requests.Session.send = send
