"""What operators type: a command or a group of commands a file, and what builds the bot for them."""
