"""What the user of a twin notices: image quality, immersion and what an interruption takes from it."""
