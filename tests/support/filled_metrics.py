"""A file of metrics that is filled until it has to grow."""


def fill(numbers, keys):
    for number, key in enumerate(keys):
        numbers.write_value(key, number, 0.0)


KEYS = [f'["launcher_x", "launcher_x_total", {{"n": "{n}"}}, "{"x" * 90}"]' for n in range(2000)]
