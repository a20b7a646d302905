"""A headless Chromium, driven through its own pipe: no package is needed for that."""

import base64
import json
import os
import shutil
import subprocess
import time

BINARY = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser(object):
    """One page. Use as a context; `folder` gets the profile and the downloads."""

    def __init__(self, folder):
        self.folder = str(folder)
        down, up = os.pipe(), os.pipe()

        def connect():  # Chromium reads commands from 3 and writes answers to 4
            os.dup2(down[0], 13), os.dup2(up[1], 14)
            os.dup2(13, 3), os.dup2(14, 4)
        self.process = subprocess.Popen(
            [BINARY, "--headless", "--no-sandbox", "--disable-gpu", "--lang=zh-CN",
             "--disable-dev-shm-usage", "--remote-debugging-pipe",
             "--user-data-dir=" + os.path.join(self.folder, "profile"), "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
            preexec_fn=connect)
        os.close(down[0]), os.close(up[1])
        self._commands = os.fdopen(down[1], "wb")
        self._answers = os.fdopen(up[0], "rb")
        self._number, self._buffer, self._session = 0, b"", None
        targets = self.call("Target.getTargets")["targetInfos"]
        page, = [each for each in targets if each["type"] == "page"][:1]
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"],
                                  flatten=True)["sessionId"]
        self.call("Page.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._commands.close(), self._answers.close()

    def call(self, method, **parameters):
        """The result of a command of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode("utf-8") + b"\0")
        self._commands.flush()
        while True:
            answer = json.loads(self._read().decode("utf-8"))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self):
        while b"\0" not in self._buffer:
            part = os.read(self._answers.fileno(), 1 << 20)
            assert part, "Chromium has gone"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return message

    def open(self, url, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Browser.setDownloadBehavior", behavior="allow",
                  downloadPath=self.folder)
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script):
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True,
                           awaitPromise=True, userGesture=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition, seconds=30):
        """The value of an expression as soon as it is true."""
        end = time.time() + seconds
        while time.time() < end:
            value = self.run(condition)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError("never true: " + condition)

    def type(self, text):
        """Types into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key, code, modifiers=0):
        """A key goes down and up; modifiers 2 is Ctrl."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode=code, modifiers=modifiers)

    def choose_file(self, selector, path):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[path])

    def screenshot(self, path):
        image = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as out:
            out.write(base64.b64decode(image))
