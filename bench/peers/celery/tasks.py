"""A task that does nothing, acknowledged when it is done."""

import os

from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER"])
app.conf.update(task_acks_late=True, task_ignore_result=True)


@app.task
def noop():
    """Does nothing."""
