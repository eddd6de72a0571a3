"""How numbers and dates are written in a language, where Django's own way is not that of a page about money."""
