"""Where an application's source names what is moved: a checklist, not a parser of any language."""
