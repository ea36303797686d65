"""Other libraries' interfaces over Zamok's engine, so that a project moves by changing one import."""
