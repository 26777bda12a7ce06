"""A script: run(params, logger) is called once, and what it returns are its results."""


def run(params, logger):
    """params are those of the execution; logger writes its log, and tells how far it is."""
    name = params["name"]
    logger.info("Greeting %s", name)
    logger.send_progress(50)
    return {"greeting": "Hello, %s!" % name}
