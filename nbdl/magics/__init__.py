"""The magics ``%%model``, ``%train``, ``%inspect``, ``%runs``: the only room that knows IPython."""
