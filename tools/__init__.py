"""Small programs for those who work on the bot; nothing of it runs in the bot."""
