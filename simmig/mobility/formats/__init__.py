"""Trace formats: a plug-in file each, with a class Format(TraceFormat); files with an underscore help."""
