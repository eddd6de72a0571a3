"""Every page in a browser: `./run screenshots [FOLDER]` writes what it looks like, and every run says what is wrong."""
