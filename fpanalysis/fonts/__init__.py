"""The bundled typeface FPA Sans, its licence and the script that makes it; read through `typeface`."""
