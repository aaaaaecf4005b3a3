# chromium.py URL PIN PICTURE PORT PROFILE: Chromium, which asks for the PIN in a window of its own, by chromedriver
# (on PORT) and xdotool, on DISPLAY. Prints the page's source and keeps a picture of it.
# SPDX-License-Identifier: 0BSD
import base64
import json
import subprocess
import sys
import threading
import time
import urllib.request

url, pin, picture, port, profile = sys.argv[1:]
options = {"binary": "/usr/bin/chromium", "args": [
    "--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + profile]}


def call(method, path, **body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method,
                                     data=json.dumps(body).encode() if method == "POST" else None)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["value"]


def ready():
    try:
        return call("GET", "/status")["ready"]
    except OSError:
        return False


def windows(name):
    return subprocess.run(["xdotool", "search", "--onlyvisible", "--name", name], capture_output=True, text=True).stdout.split()


driver = subprocess.Popen(["chromedriver", "--port=" + port])
try:
    while not ready():
        assert driver.poll() is None
        time.sleep(0.1)
    session = "/session/" + call("POST", "/session", capabilities={
        "alwaysMatch": {"goog:chromeOptions": options}})["sessionId"]
    page = threading.Thread(target=call, args=("POST", session + "/url"), kwargs={"url": url})
    page.start()                        # it returns when the page is there, and that takes the PIN
    asked = False
    while page.is_alive():
        page.join(0.2)
        found = windows("Unlock Security Device")
        if not asked and found:
            asked = True                # never the same PIN twice
            subprocess.run(["xdotool", "windowfocus", "--sync", found[0]], check=True)  # no window manager does it
            subprocess.run(["xdotool", "type", pin], check=True)
            subprocess.run(["xdotool", "key", "Return"], check=True)
    print(call("GET", session + "/source"))
    print("asked for the PIN" if asked else "did not ask for the PIN")
    with open(picture, "wb") as out:
        out.write(base64.b64decode(call("GET", session + "/screenshot")))
    call("DELETE", session)
finally:
    driver.terminate()
