"""The names that ewatercycle imports; none of them is ever called."""

DataFile = ImageFile = RecipeOutput = dict
