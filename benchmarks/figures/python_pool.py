"""How many ns Python's multiprocessing takes for 10^6 of 5x + 3y, with two processes that
are there already, by the best of its ways and chunk sizes."""
import multiprocessing
import time

ITEMS = 1000000


def f(x, y):
    return 5 * x + 3 * y


def f_of_pair(pair):
    return 5 * pair[0] + 3 * pair[1]


def measure(way):
    begun = time.perf_counter_ns()
    if sum(1 for _ in way()) != ITEMS:
        raise SystemExit("results are missing")
    return time.perf_counter_ns() - begun


def main():
    pairs = list(zip(range(ITEMS), range(0, -ITEMS, -1)))
    with multiprocessing.Pool(2) as pool:
        pool.map(f_of_pair, pairs[:1000])
        print(min(measure(way) for chunk in (5000, 50000, ITEMS // 2) for way in (
            lambda: pool.starmap(f, pairs, chunksize=chunk),
            lambda: pool.map(f_of_pair, pairs, chunksize=chunk),
            lambda: pool.imap(f_of_pair, pairs, chunksize=chunk))))


if __name__ == "__main__":
    main()
