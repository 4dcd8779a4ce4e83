"""Experiments of a site's own: folders with a template and a schema."""

TEMPLATE = """# %% tags=["parameters"]
depth = 1
name = "x"
tags = []

# %%
print(depth, name, tags)
"""
SCHEMA = """
title: Site
description: An experiment of this site alone.
type: object
additionalProperties: false
properties:
  depth: {type: integer, minimum: 0, maximum: 10, default: 1}
  name: {type: string, maxLength: 40, default: x}
  tags: {type: array, maxItems: 3, items: {type: string, maxLength: 10}, default: []}
"""
OTHER = """
title: Other
description: Another experiment, with a parameter that must be given.
type: object
required: [when, colour]
additionalProperties: false
properties:
  when: {type: string, format: date-time, maxLength: 40}
  colour: {type: string, enum: [red, blue]}
  note: {type: string, nullable: true, default: null, maxLength: 40}
"""
OTHER_TEMPLATE = '# %% tags=["parameters"]\nwhen = ""\ncolour = "red"\nnote = None\n'


def write_experiment(folder, schema, template=TEMPLATE):
    folder.mkdir(parents=True)
    (folder / "parameters.yaml").write_text(schema)
    (folder / "notebook.py").write_text(template)
