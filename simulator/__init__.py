"""A pretend WeCom for the demo and the tests: an outside party that shares no code with the bot.

::

    pretend = PretendWeCom(config, now=clock)
    with serve(pretend) as server:            # REST, chat page and control on one loopback port
        pretend.bot_url = "http://127.0.0.1:8080"
        result = pretend.say("lilei", "签到", chat="wrMAIN")
"""
