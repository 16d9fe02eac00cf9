"""The pictures that members share, a painter a file: facts (plain numbers and words) in, a canvas out."""
