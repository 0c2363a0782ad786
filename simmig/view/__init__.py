"""The replay of run folders: as a page in a browser, as pictures, as short films."""
