"""FPA Sans and FPA Song, the bundled typefaces, their licence and the script that makes them; see `typeface`."""
