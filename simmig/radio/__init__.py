"""How fast bits travel over a radio link: path loss, noise, fading, rate."""
