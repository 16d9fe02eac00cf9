"""What the shipped models are trained on, a recipe a file: ``train`` makes the model, ``report`` measures it. ``run.py models`` runs them."""
