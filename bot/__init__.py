"""Carries: WeCom's callbacks in, answers and deliveries out."""
