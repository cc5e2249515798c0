"""Never imports NumPy."""

print("hello")
