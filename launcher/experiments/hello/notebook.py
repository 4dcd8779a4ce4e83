# %% [markdown]
# # Welcome
#
# This notebook was made for you just now, and put into your own home directory. It is yours: change
# it, run it, keep it.
#
# Select the cell below and press **Shift + Enter** to run it.

# %%
print("hello world")
