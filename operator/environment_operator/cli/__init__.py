"""The kubectl plugin ``kubectl environment``: Environments in the hands of people, with their own rights."""
