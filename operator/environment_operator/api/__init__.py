"""What users write and read: the models, the only source of the CRD."""
