"""Runs src/main.py of a script: run(params, logger), as Trends.Earth does."""

import json
import logging
import os
import sys
import traceback
import types

SOURCE = os.path.join(os.environ["FAIRWAY_SCRIPT_DIR"], "src")
LONGEST = 9000  # characters of a text of the log


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Handler(logging.Handler):
    """Tells the runner, by lines that it understands."""

    def emit(self, record):
        try:
            text = self.format(record)[:LONGEST]
            level = record.levelname if record.levelname in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL") else "INFO"
            say("::fairway log %s %s" % (level, text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")))
        except Exception:
            self.handleError(record)


def send_progress(progress):
    """Says how far the script is, in percent."""
    say("::fairway progress %g" % min(max(float(progress), 0), 100))


def get_logger(name="script"):
    logger = logging.getLogger(name)
    logger.send_progress = send_progress
    return logger


def load():
    """Imports main as gefcore.script.main, which is where scripts have always been, and lets them import what is beside it by its name."""
    sys.path.insert(0, SOURCE)
    core = types.ModuleType("gefcore")
    core.__path__ = []
    script = types.ModuleType("gefcore.script")
    script.__path__ = [SOURCE]
    script.__package__ = "gefcore.script"
    core.script = script
    sys.modules["gefcore"] = core
    sys.modules["gefcore.script"] = script
    package = os.path.join(SOURCE, "__init__.py")
    if os.path.exists(package):
        script.__file__ = package
        with open(package, "rb") as file:
            exec(compile(file.read(), package, "exec"), script.__dict__)
    import gefcore.script.main as main

    sys.modules.setdefault("main", main)
    return main


def main():
    root = logging.getLogger()
    root.addHandler(Handler())
    root.setLevel(logging.INFO)
    logger = get_logger()
    logger.setLevel(logging.DEBUG)
    try:
        with open(os.environ["FAIRWAY_PARAMS"], encoding="utf-8") as file:
            params = json.load(file)
        if isinstance(params, dict):
            params.setdefault("ENV", os.environ.get("ENV", "prod"))
            params.setdefault("EXECUTION_ID", os.environ.get("EXECUTION_ID", ""))
        results = load().run(params, logger)
        text = json.dumps(results, allow_nan=False)
        with open(os.environ["FAIRWAY_RESULTS"], "w", encoding="utf-8") as file:
            file.write(text)
    except Exception:
        logger.error("%s", traceback.format_exc())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
