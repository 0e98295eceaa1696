"""The bundled typefaces FPA Sans and FPA Song, their licence and the script that makes them; read through `typeface`."""
