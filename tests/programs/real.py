"""Libraries as people use them; the argument says which."""

import sys

import count
import numpy as np


def forest():
    from sklearn.ensemble import RandomForestClassifier

    random = np.random.default_rng(1)
    x = random.normal(size=(400, 12))
    y = x[:, 0] + x[:, 3] > 0
    model = RandomForestClassifier(20, n_jobs=2, random_state=0).fit(x, y)
    return round(float(model.score(x, y)), 6)


def decomposition():
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    random = np.random.default_rng(2)
    x = random.normal(size=(500, 30))
    small = PCA(5).fit_transform(x)
    return KMeans(4, n_init=2, random_state=0).fit(small).labels_.shape


def pandas():
    import pandas as pd

    random = np.random.default_rng(3)
    frame = pd.DataFrame({"k": random.integers(0, 9, 2000), "m": random.integers(0, 5, 2000)})
    frame["v"] = random.normal(size=2000)
    sums = frame.groupby("k")["v"].agg(["sum", "mean", "max"])
    merged = frame.merge(sums, left_on="k", right_index=True)
    wide = merged.pivot_table(index="k", columns="m", values="v", aggfunc="sum")
    return sums.shape, merged.shape, wide.shape


def scipy():
    from scipy import fft, ndimage, sparse

    image = np.random.default_rng(4).normal(size=(128, 96))
    smooth = ndimage.gaussian_filter(image, 2.0)
    spectrum = fft.rfft2(smooth)
    matrix = sparse.random(200, 200, density=0.05, random_state=0, format="csr")
    return spectrum.shape, (matrix @ matrix.T).shape, ndimage.label(smooth > 0)[0].shape


def matplotlib():
    import io

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2)
    axes[0].plot(np.linspace(0, 1, 200) ** 2)
    axes[1].imshow(np.arange(900.0).reshape(30, 30))
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()[1:4].decode()


def server():
    import http.server
    import threading
    import urllib.request

    kept = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            kept.append(np.full(1000, len(kept)))  # @handler
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(kept[-1].sum()).encode())

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = "http://127.0.0.1:%d/" % server.server_port
    answers = [urllib.request.urlopen(address).read().decode() for _ in range(20)]
    server.shutdown()
    return answers[-1]


def loky():
    import joblib
    import loky_work
    from joblib.externals.loky import get_reusable_executor

    total = sum(joblib.Parallel(n_jobs=2)(joblib.delayed(loky_work.work)(n) for n in range(1, 13)))
    # Its workers would wait for more work, and outlive this process.
    get_reusable_executor().shutdown(wait=True)
    return total


def linear_algebra():
    a = np.random.default_rng(5).normal(size=(60, 60))
    values = np.linalg.eigvals(a)
    inverse = np.linalg.inv(a)
    spectrum = np.fft.rfft(a, axis=0)
    text = np.array2string(a[:3, :3], precision=3)
    return values.shape, inverse.shape, spectrum.shape, len(text) > 0, np.median(a, axis=1).shape


count.start()
print(globals()[sys.argv[1]]())
count.done()
