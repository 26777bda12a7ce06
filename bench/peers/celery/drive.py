"""Asks for tasks, and then has four processes of Celery work them off: prints how many in a second, as JSON."""

import json
import os
import subprocess
import sys
import time

import redis

from tasks import app, noop

count = int(sys.argv[1])
queue = redis.Redis.from_url(os.environ["BROKER"])
queue.flushall()
begun = time.monotonic()
with app.producer_pool.acquire(block=True) as producer:
    for _ in range(count):
        noop.apply_async(producer=producer)
made = count / (time.monotonic() - begun)
worker = subprocess.Popen(
    [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-c", "4", "-l", "WARNING"],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
# It takes a second to start, which is not counted.
while queue.llen("celery") == count:
    time.sleep(0.002)
begun = time.monotonic()
while queue.llen("celery") + queue.hlen("unacked") > 0:
    time.sleep(0.01)
done = count / (time.monotonic() - begun)
worker.terminate()
worker.wait()
print(json.dumps({"made": made, "done": done}))
