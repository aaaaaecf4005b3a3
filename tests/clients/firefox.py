# firefox.py URL PIN PICTURE PORT PROFILE: Firefox, which asks for the PIN in a window of its own, by Marionette (on
# PORT) and xdotool, on DISPLAY. Prints the page's source and keeps a picture of it.
# SPDX-License-Identifier: 0BSD
import base64
import json
import os
import socket
import subprocess
import sys
import time

url, pin, picture, port, profile = sys.argv[1:]
prefs = {
    "marionette.port": int(port),
    "security.default_personal_cert": "Select Automatically",   # else a window asks which certificate
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "termsofuse.bypassNotification": True,
    "app.update.enabled": False,
    "app.normandy.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}
# While the window asks, Marionette does not answer: so Firefox leaves a file when the cursor is in the field.
TELL = """const file = arguments[0];
Services.obs.addObserver(() => IOUtils.writeUTF8(file, ""), "common-dialog-loaded");"""
asking = os.path.join(profile, "asking")


class Marionette:
    """Frames both ways: a length, a colon, [0 call or 1 answer, number, name or error, content]."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", int(port)), 60)
        self.file = self.socket.makefile("rb")
        self.sent = 0
        self.receive()                  # it says hello

    def receive(self):
        size = b""
        while not size.endswith(b":"):
            byte = self.file.read(1)
            assert byte, "Firefox has ended"
            size += byte
        return json.loads(self.file.read(int(size[:-1])))

    def send(self, name, **content):
        self.sent += 1
        data = json.dumps([0, self.sent, name, content]).encode()
        self.socket.sendall(b"%d:%s" % (len(data), data))

    def answer(self):
        _, number, error, value = self.receive()
        assert number == self.sent and not error, error
        return value

    def call(self, name, **content):
        self.send(name, **content)
        return self.answer()


def until(what):
    for _ in range(600):
        if found := what():
            return found
        time.sleep(0.1)
    raise TimeoutError(what.__name__)


def xdotool(*args, check=True):
    return subprocess.run(["xdotool", *args], check=check, stdout=subprocess.PIPE, text=True).stdout


def listens():
    assert firefox.poll() is None
    try:
        socket.create_connection(("127.0.0.1", int(port))).close()
        return True
    except OSError:
        return False


def windows(name):
    return xdotool("search", "--onlyvisible", "--name", name, check=False).split()


def asked():
    return os.path.exists(asking) and windows("Password Required")


def loaded():
    return url == browser.call("WebDriver:ExecuteScript", args=[],
                               script="return document.readyState == 'complete' && document.URL")["value"]


with open(os.path.join(profile, "user.js"), "w") as out:
    for name, value in prefs.items():
        out.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
# Without system access there is no script in the browser itself.
firefox = subprocess.Popen(["firefox-esr", "--marionette", "-remote-allow-system-access", "--no-remote",
                            "--profile", profile])
try:
    until(listens)
    browser = Marionette()
    browser.call("WebDriver:NewSession", capabilities={"alwaysMatch": {"unhandledPromptBehavior": "ignore"}})
    browser.call("Marionette:SetContext", value="chrome")
    browser.call("WebDriver:ExecuteScript", script=TELL, args=[asking])
    browser.call("Marionette:SetContext", value="content")
    browser.send("WebDriver:Navigate", url=url)     # no answer before the PIN; the page may take longer
    xdotool("windowfocus", "--sync", until(asked)[0])       # no window manager does it
    xdotool("type", pin)
    xdotool("key", "Return")
    print("asked for the PIN")
    browser.answer()
    until(loaded)
    print(browser.call("WebDriver:GetPageSource")["value"])
    with open(picture, "wb") as out:
        out.write(base64.b64decode(browser.call("WebDriver:TakeScreenshot", full=True)["value"]))
    browser.call("Marionette:Quit")
finally:
    firefox.terminate()
    firefox.wait()
