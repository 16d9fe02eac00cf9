"""Activities, as the bot runs them: one desk for their common life, and a file for each kind."""
