"""What judges a finished picture: its pixels, and the embedded world's judge."""
