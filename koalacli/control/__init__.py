"""What a person knows: hints of color, where they hold, and the file that carries them."""
