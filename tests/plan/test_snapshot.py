"""What a service gets of the shell in which it was installed, and what becomes of the rest."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_remote_kit.plan import snapshot
from jupyter_remote_kit.plan.snapshot import Snapshot
from tests.plan import systemd_syntax as systemd

SCRIPTS = Path("/home/ann/venv/bin")
BARE = {"PATH": "/home/ann/venv/bin"}


class Becomes(Enum):
    TAKEN = "taken"
    SECRET = "named as a secret"
    UNFIT = "named as unfit"
    LEFT = "left out without a word"


TAKEN, SECRET, UNFIT, LEFT = Becomes

# Shaped as the makers shape them; nobody's.
HF = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567"
OPENAI = "sk-proj-" + "Ab1_" * 12
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

# Variables of real shells.
SHELLS = [
    # GPUs
    ("CUDA_HOME", "/usr/local/cuda-12.4", TAKEN),
    ("CUDA_VISIBLE_DEVICES", "0,1", TAKEN),
    ("CUDA_DEVICE_ORDER", "PCI_BUS_ID", TAKEN),
    ("CUDAARCHS", "86;90", TAKEN),
    ("NVCC_PREPEND_FLAGS", " -ccbin=/home/ann/venv/bin/x86_64-conda-linux-gnu-c++", TAKEN),
    ("NCCL_SOCKET_IFNAME", "eth0", TAKEN),
    ("NVIDIA_VISIBLE_DEVICES", "all", TAKEN),
    ("LD_LIBRARY_PATH", ":/usr/local/cuda/lib64", TAKEN),
    ("LD_PRELOAD", "/usr/lib/libtcmalloc.so.4", TAKEN),
    ("HSA_OVERRIDE_GFX_VERSION", "10.3.0", TAKEN),
    ("ONEAPI_ROOT", "/opt/intel/oneapi", TAKEN),
    ("MKLROOT", "/opt/intel/oneapi/mkl/2024.0", TAKEN),
    ("TBBROOT", "/opt/intel/oneapi/tbb/2021.11", TAKEN),
    ("ASCEND_HOME_PATH", "/usr/local/Ascend/ascend-toolkit/latest", TAKEN),
    # Libraries
    ("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True", TAKEN),
    ("TORCH_HOME", "/data/torch", TAKEN),
    ("TF_CPP_MIN_LOG_LEVEL", "2", TAKEN),
    ("XLA_FLAGS", "--xla_gpu_cuda_data_dir=/usr/local/cuda", TAKEN),
    ("TOKENIZERS_PARALLELISM", "false", TAKEN),
    ("TOKENIZERS_VERBOSITY", "info", TAKEN),
    ("TRANSFORMERS_CACHE", "/data/hf/transformers", TAKEN),
    ("SENTENCE_TRANSFORMERS_HOME", "/data/st", TAKEN),
    ("MODELSCOPE_CACHE", "/data/modelscope", TAKEN),
    ("HF_HOME", "/data/hf_models_of_the_whole_lab", TAKEN),
    ("HF_ENDPOINT", "https://hf-mirror.com", TAKEN),
    ("HF_TOKEN_PATH", "/home/ann/.cache/huggingface/token", TAKEN),
    ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1", TAKEN),
    ("VLLM_MAX_NUM_BATCHED_TOKENS", "8192", TAKEN),
    ("VLLM_API_KEY", "abc", SECRET),
    ("OLLAMA_HOST", "127.0.0.1:11434", TAKEN),
    ("WANDB_MODE", "offline", TAKEN),
    ("OMP_NUM_THREADS", "16", TAKEN),
    ("GDAL_DATA", "/opt/conda/envs/geo/share/gdal", TAKEN),
    ("PROJ_LIB", "/opt/conda/envs/geo/share/proj", TAKEN),
    # conda, virtual environments, Python, R
    ("CONDA_PREFIX", "/opt/conda/envs/lab", TAKEN),
    ("CONDA_DEFAULT_ENV", "sk-learn-experiments-of-the-year-2024", TAKEN),
    ("CONDA_EXE", "/opt/conda/bin/conda", TAKEN),
    ("CONDA_PROMPT_MODIFIER", "(lab) ", TAKEN),
    ("_CE_CONDA", "", TAKEN),
    ("VIRTUAL_ENV", "/home/ann/venv", TAKEN),
    ("PYTHONPATH", "/home/ann/src", TAKEN),
    ("PYTHONHASHSEED", "0", TAKEN),
    ("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring", TAKEN),
    ("UV_KEYRING_PROVIDER", "subprocess", TAKEN),
    ("R_LIBS_USER", "/home/ann/R/4.3", TAKEN),
    ("JULIA_NUM_THREADS", "auto", TAKEN),
    ("JAVA_HOME", "/usr/lib/jvm/java-17-openjdk-amd64", TAKEN),
    ("JUPYTER_CONFIG_DIR", "/srv/jupyter", TAKEN),
    ("IPYTHONDIR", "/srv/ipython", TAKEN),
    ("MPLCONFIGDIR", "/tmp/mpl", TAKEN),
    # Modules of a cluster
    ("MODULEPATH", "/opt/modulefiles:/apps/modulefiles", TAKEN),
    ("LOADEDMODULES", "cuda/12.4:gcc/12", TAKEN),
    ("LMOD_CMD", "/opt/lmod/libexec/lmod", TAKEN),
    ("EBROOTCUDA", "/apps/CUDA/12.4", TAKEN),
    ("BASH_FUNC_module%%", "() { eval $(modulecmd bash $*); }", LEFT),
    ("SLURM_JOB_ID", "4711", LEFT),
    ("SLURM_JWT", "abc.def", SECRET),
    # Proxies and certificates
    ("http_proxy", "http://proxy.example:3128", TAKEN),
    ("HTTPS_PROXY", "http://10.0.0.1:3128/", TAKEN),
    ("no_proxy", "localhost,127.0.0.1,.example.org", TAKEN),
    ("all_proxy", "socks5h://127.0.0.1:1080", TAKEN),
    ("npm_config_https_proxy", "http://proxy.example:3128", TAKEN),
    ("https_proxy", "http://ann:hunter2@proxy.example:3128", SECRET),
    ("HTTP_PROXY", "ann:hunter2@proxy.example:3128", SECRET),
    ("ALL_PROXY", "socks5://ann:hun/ter?2@proxy.example:1080", SECRET),
    ("ftp_proxy", "http://ann@proxy.example:3128", SECRET),
    ("SSL_CERT_FILE", "/etc/ssl/certs/lab.pem", TAKEN),
    ("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt", TAKEN),
    # Package indices
    ("PIP_INDEX_URL", "https://nexus.example/repository/pypi-internal-proxy/simple", TAKEN),
    ("PIP_EXTRA_INDEX_URL", "https://ann:hunter2@pypi.example/simple", SECRET),
    ("UV_INDEX_URL", "https://__token__:abc@pypi.example/simple", SECRET),
    ("UV_DEFAULT_INDEX", "https://0123456789abcdef@pypi.example/simple", SECRET),
    ("PIP_EXTRA_INDEX_URL", "https://ann:hunter/2@pypi.example/simple", SECRET),
    ("PIP_EXTRA_INDEX_URL", "https://pypi.example/a https://ann:hun#ter2/?@pypi.example/b", SECRET),
    ("PIP_EXTRA_INDEX_URL", "https://pypi.example:8443/simple/@team/x", TAKEN),
    ("UV_EXTRA_INDEX_URL", "https://pypi.example:8443 http://[fd00::1]:3141/@team/x", TAKEN),
    ("PIP_FIND_LINKS", "git+ssh://git.example:lab/tools@v1 ssh://git@git.example:2222/lab/tools@v2", TAKEN),
    ("CONDA_CHANNEL_ALIAS", "https://conda.example/t/channel", TAKEN),
    ("CONDA_CHANNEL_ALIAS", "https://conda.example/t/ab-0123-4567-89ab", SECRET),
    ("CONDA_CHANNELS", "conda-forge,https://conda.example/t/abcdef/lab,defaults", SECRET),
    ("CONDA_CHANNELS", "conda-forge,https://conda.example/lab,/srv/t/channel/noarch", TAKEN),
    ("UV_PUBLISH_TOKEN", "pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAw", SECRET),
    # Secrets, by their names
    ("HF_TOKEN", HF, SECRET),
    ("HUGGING_FACE_HUB_TOKEN", "x", SECRET),
    ("WANDB_API_KEY", "0" * 40, SECRET),
    ("OPENAI_API_KEY", OPENAI, SECRET),
    ("OPENAI_KEY", "abc", SECRET),
    ("KAGGLE_KEY", "abc", SECRET),
    ("AWS_ACCESS_KEY_ID", "AKIA" + "A" * 16, SECRET),
    ("AWS_SECRET_ACCESS_KEY", "abc", SECRET),
    ("AWS_SESSION_TOKEN", "abc", SECRET),
    ("AZURE_STORAGE_CONNECTION_STRING", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=b==", SECRET),
    ("AZURE_STORAGE_KEY", "b==", SECRET),
    ("AZURE_CLIENT_SECRET", "abc", SECRET),
    ("MLFLOW_TRACKING_PASSWORD", "hunter2", SECRET),
    ("MLFLOW_TRACKING_USERNAME", "ann", TAKEN),
    ("JUPYTER_TOKEN", "abc", SECRET),
    ("GITHUB_TOKEN", "abc", SECRET),
    ("GITHUB_PAT", "abc", SECRET),
    ("TWINE_PASSWORD", "abc", SECRET),
    ("PGPASSWORD", "hunter2", SECRET),
    ("P4PASSWD", "hunter2", SECRET),
    ("MYSQL_PWD", "hunter2", SECRET),
    ("db_pass", "hunter2", SECRET),
    ("LDAP_BIND_PW", "hunter2", SECRET),
    ("BORG_PASSPHRASE", "hunter2", SECRET),
    ("NPM_CONFIG__AUTH", "YW5uOmh1bnRlcjI=", SECRET),
    ("SENTRY_DSN", "https://o1.ingest.example/1", SECRET),
    ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/x", SECRET),
    ("JPY_COOKIE_SECRET", "abc", LEFT),
    # Secrets, by what is in them
    ("DATABASE_URL", "postgresql://ann:hunter2@db.example/lab", SECRET),
    ("CELERY_BROKER", "redis://:hunter2@127.0.0.1:6379/0", SECRET),
    ("MLFLOW_TRACKING_URI", "https://ann:hunter2@mlflow.example", SECRET),
    ("DATASETS_URL", "https://blob.example/x?sv=2024&sig=abc%3D", SECRET),
    ("RAY_ADDRESS", "ray://head.example:10001?access_token=abc", SECRET),
    ("TF_VAR_config", '{"user": "ann", "db_password": "hunter2"}', SECRET),
    ("TF_CONFIG", '{"cluster": {"worker": ["10.0.0.1:8470"]}, "task": {"index": 0}}', TAKEN),
    ("R_SETTINGS", f"model={OPENAI}", SECRET),
    ("GDAL_HTTP_USERPWD", "ann:hunter2", SECRET),
    ("GDAL_HTTP_PROXYUSERPWD", "ann:hunter2", SECRET),
    ("GDAL_HTTP_HEADERS", "Accept: image/tiff\nAuthorization: Bearer hunter2", SECRET),
    ("GDAL_HTTP_HEADERS", "X-Api-Key:hunter2", SECRET),
    ("GDAL_HTTP_HEADERS", "Accept: image/tiff\nX-Forwarded-For: 10.0.0.1", TAKEN),
    ("GDAL_HTTP_HEADER_FILE", "/home/ann/headers", TAKEN),
    ("JUPYTER_GATEWAY_HEADERS", '{"Authorization": "token hunter2"}', SECRET),
    ("JUPYTER_GATEWAY_HEADERS", '{"Cookie":"session=hunter2"}', SECRET),
    ("JUPYTER_GATEWAY_HEADERS", '{"Authorization": "", "Accept": "*/*"}', TAKEN),
    ("JUPYTER_GATEWAY_URL", "http://gateway.example:8888", TAKEN),
    ("JAVA_TOOL_OPTIONS", "-Dhttp.proxyHost=proxy.example -Dhttp.proxyPassword=hunter2", SECRET),
    ("JAVA_TOOL_OPTIONS", "-Dfs.s3a.secret.key=hunter2", SECRET),
    ("JAVA_TOOL_OPTIONS", "-Xmx8g -Dhttp.proxyHost=proxy.example -Dhttp.proxyPort=3128 -Dcom.example.password.file=/etc/pw", TAKEN),
    ("HADOOP_OPTS", "-Dpassword=hunter2", SECRET),
    ("HADOOP_OPTS", "-Djava.net.preferIPv4Stack=true -Dhadoop.token=true -Dpassword=${STORE_PASS}", TAKEN),
    ("SPARK_SUBMIT_OPTS", "-Dspark.authenticate.secret='hunter2'", SECRET),
    ("TF_CLI_ARGS", "-var password=hunter2", SECRET),
    ("TF_CLI_ARGS_plan", "-var 'db_password=hunter2' -var region=eu", SECRET),
    ("TF_CLI_ARGS_plan", "-var region=eu -parallelism=4 -var-file=secret.tfvars", TAKEN),
    ("DASK_CONFIG", "scheduler --token hunter2", SECRET),
    ("DASK_CONFIG", "scheduler --token --port 8786", TAKEN),
    ("VLLM_ARGS", "--max-num-batched-tokens=8192 --token-limit=5 --use-token=1", TAKEN),
    ("ODBC_DSN_LAB", "Driver=x;Uid=ann; PWD=hunter2", SECRET),
    ("DEPLOY", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n", SECRET),
    ("CI_JOB", JWT, SECRET),
    ("NGC_CLI", "nvapi-" + "a" * 32, SECRET),
    # None, though they sound like some
    ("GOOGLE_APPLICATION_CREDENTIALS", "/home/ann/.config/gcloud/key.json", LEFT),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token", LEFT),
    ("PGPASSFILE", "/home/ann/.pgpass", LEFT),
    ("OAUTH_TOKEN_URL", "https://login.example/oauth2/token", LEFT),
    ("OPENAI_MAX_TOKENS", "4096", LEFT),
    ("MYSQL_ALLOW_EMPTY_PASSWORD", "yes", LEFT),
    ("OLD_API_KEY", "", LEFT),
    ("DEPLOY_PUBLIC_KEY", "ssh-ed25519 AAAAC3Nza ann@laptop", LEFT),
    ("AWS_PROFILE", "lab", LEFT),
    ("TOKENIZER_MODEL", "bert-base-uncased", LEFT),
    ("KEYBOARD", "us", LEFT),
    ("MONKEY", "banana", LEFT),
    ("AUTHOR", "Ann", LEFT),
    ("GIT_AUTHOR_NAME", "Ann", LEFT),
    ("GIT_ASKPASS", "/usr/share/code/askpass.sh", LEFT),
    ("GNOME_KEYRING_CONTROL", "/run/user/1000/keyring", LEFT),
    ("COMPASS", "north", LEFT),
    ("DOCKER_HOST", "ssh://ann@gpu.example", TAKEN),
    ("SPARK_WAREHOUSE", "abfss://lake@account.dfs.core.windows.net/x", TAKEN),
    ("HADOOP_CONF", "https://host.example/path/@scope/x", TAKEN),
    ("HADOOP_CONF", "hdfs://name.example:8020/user/@ann", TAKEN),
    ("OLLAMA_ORIGINS", "app://*,file://*,https://lab.example:*,http://10.0.0.1", TAKEN),
    ("XLA_FLAGS", "--xla_dump_to=/tmp/xla --xla_dump_hlo_pass_re=.*", TAKEN),
    ("CMAKE_ARGS", "-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=86", TAKEN),
    # Of the session
    ("SSH_AUTH_SOCK", "/tmp/ssh-x/agent.1", LEFT),
    ("SSH_CONNECTION", "10.0.0.2 51000 10.0.0.1 22", LEFT),
    ("PWD", "/home/ann/src", LEFT),
    ("OLDPWD", "/home/ann", LEFT),
    ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus", LEFT),
    ("XDG_RUNTIME_DIR", "/run/user/1000", LEFT),
    ("XDG_SESSION_ID", "3", LEFT),
    ("XAUTHORITY", "/run/user/1000/gdm/Xauthority", LEFT),
    ("DISPLAY", ":0", LEFT),
    ("WAYLAND_DISPLAY", "wayland-0", LEFT),
    ("TERM", "xterm-256color", LEFT),
    ("TMUX", "/tmp/tmux-1000/default,1,0", LEFT),
    ("SUDO_USER", "ann", LEFT),
    ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D", LEFT),
    ("VSCODE_GIT_IPC_HANDLE", "/run/user/1000/vscode-git.sock", LEFT),
    ("JPY_PARENT_PID", "4711", LEFT),
    ("JPY_SESSION_NAME", "/home/ann/a.ipynb", LEFT),
    ("JUPYTERHUB_API_TOKEN", "abc", LEFT),
    ("JUPYTER_SERVER_ROOT", "/home/ann", LEFT),
    ("JUPYTER_SERVER_URL", "http://127.0.0.1:8800/", LEFT),
    ("MPLBACKEND", "module://matplotlib_inline.backend_inline", LEFT),
    # Of the shell itself
    ("HOME", "/home/ann", LEFT),
    ("SHLVL", "1", LEFT),
    ("PS1", r"\u@\h:\w\$ ", LEFT),
    ("LS_COLORS", "rs=0:di=01;34:*.tar=01;31", LEFT),
    ("PAGER", "cat", LEFT),
    ("conda_shlvl", "1", LEFT),
    ("LANG", "zh_CN.UTF-8", TAKEN),
    ("LC_ALL", "C.UTF-8", TAKEN),
    ("TZ", "Europe/Berlin", TAKEN),
    ("TMPDIR", "/scratch/ann", TAKEN),
    # What no file can hold, and what one can
    ("CUDA_CACHE_PATH", "/data/\udcff", UNFIT),
    ("R_PROMPT", "\x1b[1m> ", UNFIT),
    ("JAVA_TOOL_OPTIONS", "a\rb", UNFIT),
    ("SHELL_PROMPT", "\x1b[1m> ", LEFT),
    ("XLA_COMMENT", "two\nlines\twith a tab\n", TAKEN),
    ("TORCH_LOGS", "\"a\" \\ $HOME `id` 'b' %h # ;", TAKEN),
    ("JAX_DUMP", "/data/计算/🙂", TAKEN),
]  # fmt: skip


def becomes(name: str, value: str, found: Snapshot) -> Becomes:
    if found.variables.get(name) == value:
        return TAKEN
    return SECRET if name in found.secrets else UNFIT if name in found.unfit else LEFT


@pytest.mark.parametrize(("name", "value", "expected"), SHELLS, ids=[f"{name}={ascii(value)[1:30]}" for name, value, _ in SHELLS])
def test_what_becomes_of_a_variable(name: str, value: str, expected: Becomes) -> None:
    found = snapshot.take({name: value}, SCRIPTS)
    assert becomes(name, value, found) is expected
    # In one place only, and nothing else came with it.
    rest = {**found.variables}
    assert (rest.pop(name, None) is not None) + (name in found.secrets) + (name in found.unfit) == (expected is not LEFT)
    assert rest == BARE


@pytest.mark.parametrize("part", ["://", "http://a:8/", "a://b:c", "https://a", "/t/", "--token ", "-a", "token  ", '"', "x-"])
def test_a_value_as_long_as_the_kernel_allows_is_judged_soon(part: str) -> None:
    began = time.process_time()
    assert not snapshot.looks_secret("CUDA_NOTE", part * (131_000 // len(part)))
    assert time.process_time() - began < 10


def test_all_of_them_at_once_are_judged_one_by_one() -> None:
    environ = {name: value for name, value, _ in SHELLS}
    found = snapshot.take(environ, SCRIPTS)
    last = {name: expected for name, _, expected in SHELLS}
    assert {name: becomes(name, value, found) for name, value in environ.items()} == last
    assert list(found.secrets) == sorted(found.secrets)
    assert "hunter2" not in snapshot.render(found)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATA_DIR", "/data", TAKEN),
        ("MONKEY", "banana", TAKEN),
        ("AWS_PROFILE", "lab", TAKEN),
        # Who asks for it by name knows that it is of a session.
        ("DISPLAY", ":0", TAKEN),
        ("MPLBACKEND", "agg", TAKEN),
        ("SSH_AUTH_SOCK", "/home/ann/.ssh/agent.sock", TAKEN),
        # Nobody asks a secret into a file.
        ("MY_TOKEN", "abc", SECRET),
        ("DATA_URL", "https://ann:hunter2@data.example", SECRET),
        ("JPY_API_TOKEN", "abc", SECRET),
        ("MY_TOKEN_DIR", "/home/ann/tokens", TAKEN),
        ("DATA_DIR", "/data/\udcff", UNFIT),
    ],
)
def test_what_becomes_of_one_that_was_asked_for(name: str, value: str, expected: Becomes) -> None:
    found = snapshot.take({name: value}, SCRIPTS, (name,))
    assert becomes(name, value, found) is expected
    assert found.also == (name,)


FOLDERS = {"JUPYTER_CONFIG_DIR": "/home/ann/lab/cfg", "JUPYTER_DATA_DIR": "/home/ann/lab/data", "JUPYTER_RUNTIME_DIR": "/home/ann/lab/run"}


@pytest.mark.parametrize(
    ("environ", "taken"),
    [
        ({}, {}),
        ({"JUPYTER_CONFIG_DIR": "cfg"}, {"JUPYTER_CONFIG_DIR": "/home/ann/lab/cfg"}),
        ({"JUPYTER_CONFIG_DIR": "~/cfg"}, {"JUPYTER_CONFIG_DIR": "/home/ann/lab/cfg"}),
        ({"JUPYTER_DATA_DIR": "..", "JUPYTER_CONFIG_DIR": "/c"}, {"JUPYTER_DATA_DIR": "/home/ann/lab/data", "JUPYTER_CONFIG_DIR": "/c"}),
        # To Jupyter an empty one is none.
        ({"JUPYTER_DATA_DIR": ""}, {"JUPYTER_DATA_DIR": ""}),
        # An absolute one may be a link, which `FOLDERS` has followed.
        ({"JUPYTER_CONFIG_DIR": "/link"}, {"JUPYTER_CONFIG_DIR": "/link"}),
        # Where no variable of Jupyter's own says where its folders are, these do.
        ({"XDG_DATA_HOME": "data"}, {"XDG_DATA_HOME": "data", **FOLDERS}),
        ({"XDG_CONFIG_HOME": "c", "JUPYTER_CONFIG_DIR": "/link"}, {"XDG_CONFIG_HOME": "c", **FOLDERS, "JUPYTER_CONFIG_DIR": "/link"}),
        ({"XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": ""}, {"XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": ""}),
        # Kernels read those, from the folder of the notebook.
        ({"HF_HOME": "hf", "IPYTHONDIR": "../i", "XDG_CACHE_HOME": "c"}, {"HF_HOME": "hf", "IPYTHONDIR": "../i", "XDG_CACHE_HOME": "c"}),
    ],
)  # fmt: skip
def test_jupyters_folders_are_those_that_the_shell_means(environ: dict[str, str], taken: dict[str, str]) -> None:
    assert snapshot.take(environ, SCRIPTS, folders=FOLDERS) == Snapshot({**taken, **BARE})
    # Without folders nothing is replaced.
    assert snapshot.take(environ, SCRIPTS) == Snapshot({**environ, **BARE})


def test_one_that_was_asked_for_and_is_not_there_is_remembered() -> None:
    found = snapshot.take({}, SCRIPTS, ("B", "A", "B"))
    assert found == Snapshot(BARE, also=("A", "B"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "/home/ann/venv/bin"),
        ("/usr/bin:/bin", "/home/ann/venv/bin:/usr/bin:/bin"),
        ("/usr/bin:/home/ann/venv/bin:/bin:/usr/bin", "/home/ann/venv/bin:/usr/bin:/bin"),
        (":/usr/bin::/bin:", "/home/ann/venv/bin:/usr/bin:/bin"),
        (".:bin:~/bin:../x:/usr/bin", "/home/ann/venv/bin:/usr/bin"),
        ("/opt/sk-learn-experiments-2024/bin:/opt/hf_models_of_the_whole_lab", None),
        ("/opt/a b/bin:/opt/计算", None),
        # One that is not UTF-8 does not take the others along.
        ("/usr/bin:/home/\udcbc\udcc6/bin:/opt/a\nb:/opt/a\x01b:/bin", "/home/ann/venv/bin:/usr/bin:/opt/a\nb:/bin"),
    ],
)
def test_the_environments_programs_come_first_on_its_path(path: str, expected: str | None) -> None:
    found = snapshot.take({"PATH": path}, SCRIPTS)
    assert found == Snapshot({"PATH": expected or f"/home/ann/venv/bin:{path}"})


NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,8}\Z")
VALUES = st.text(st.sampled_from("\"\\`$\n\t'%#;=: abcX计🙂\u2028\u0085\u00a0"), max_size=20) | st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0")
)
VARIABLES = st.dictionaries(NAMES, VALUES, max_size=5)


class TestFile:
    def test_as_it_is_written(self) -> None:
        text = snapshot.render(Snapshot({"PATH": "/b:/usr/bin", "CUDA_NOTE": 'a "b" $c `d` \\'}, ("HF_TOKEN",), ("X",), ("A", "B")))
        head, _, rest = text.partition("# Also: ")
        assert all(line.startswith("# ") for line in head.splitlines())
        assert rest == 'A B\nCUDA_NOTE="a \\"b\\" \\$c \\`d\\` \\\\"\nPATH="/b:/usr/bin"\n'
        assert "HF_TOKEN" not in text

    @given(VARIABLES, st.lists(NAMES, max_size=3, unique=True))
    @example({"A": 'x\nB="y"\n# Also: C'}, [])
    @example({"A": "a\\"}, [])
    @example({"A": "\\\n", "B": "\n"}, ["A"])
    def test_systemd_reads_the_very_values(self, variables: dict[str, str], also: list[str]) -> None:
        assert systemd.environment(snapshot.render(Snapshot(variables, also=tuple(also)))) == variables

    @given(VARIABLES, st.lists(NAMES, max_size=3, unique=True))
    @example({"A": "x\n# Also: C"}, [])
    @example({"A": 'x"\nB="y'}, [])
    @example({"A": "\r\n\x0b\x0c\x1c\x85\u2028"}, [])
    def test_and_so_do_we(self, variables: dict[str, str], also: list[str]) -> None:
        kept = Snapshot(variables, also=tuple(also))
        assert snapshot.parse(snapshot.render(kept).encode()) == kept

    @given(st.dictionaries(NAMES, st.text(), max_size=6), st.lists(NAMES, max_size=2))
    def test_whatever_the_shell_holds_the_file_can_be_written_and_read(self, environ: dict[str, str], also: list[str]) -> None:
        found = snapshot.take(environ, SCRIPTS, also)
        assert systemd.environment(snapshot.render(found)) == found.variables
        assert not {*found.variables} & {*found.secrets, *found.unfit}

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (None, Snapshot({})),
            (b"", Snapshot({})),
            (b"\xff\xfe", Snapshot({})),
            (b"# Also:\nA=1\nB='2'\nexport C=\"3\"\n", Snapshot({})),
            (b"# Also: X Y\nA=\"1\"\nB='2'\n", Snapshot({"A": "1"}, also=("X", "Y"))),
            (b'A="1"\n# Also: X\nB="2"\n# sha256:0\n', Snapshot({"A": "1", "B": "2"})),
            (b'A="not closed\n', Snapshot({})),
        ],
    )
    def test_of_anything_else_what_can_be_read(self, content: bytes | None, expected: Snapshot) -> None:
        assert snapshot.parse(content) == expected


@pytest.mark.parametrize(
    ("service", "shell", "names"),
    [
        ({}, Snapshot({}), ()),
        ({"CUDA_HOME": "/a", "PATH": "/b:/a"}, Snapshot({"CUDA_HOME": "/a", "PATH": "/a:/b"}), ()),
        ({"PATH": "/a"}, Snapshot({"PATH": "/a:/b"}), ("PATH",)),
        ({"CUDA_HOME": "/a"}, Snapshot({"CUDA_HOME": "/b"}), ("CUDA_HOME",)),
        ({}, Snapshot({"CUDA_HOME": "/b", "CONDA_PREFIX": "/c"}), ("CONDA_PREFIX", "CUDA_HOME")),
        ({"CUDA_HOME": "/a", "PATH": "/a"}, Snapshot({}), ("CUDA_HOME", "PATH")),
        # Of the service's own, and of the session that looks at it.
        ({"INVOCATION_ID": "1", "NOTIFY_SOCKET": "/x", "MPLBACKEND": "agg", "HOME": "/home/ann"}, Snapshot({}), ()),
        ({"LD_LIBRARY_PATH": "/a:/b"}, Snapshot({"LD_LIBRARY_PATH": "/b:/a"}), ("LD_LIBRARY_PATH",)),
        # Those that were asked for.
        ({"DATA_DIR": "/a"}, Snapshot({"DATA_DIR": "/b"}, also=("DATA_DIR",)), ("DATA_DIR",)),
        ({"DATA_DIR": "/a"}, Snapshot({}, also=("DATA_DIR",)), ("DATA_DIR",)),
        ({"DATA_DIR": "/a"}, Snapshot({}), ()),
    ],
)
def test_what_the_shell_has_otherwise(service: dict[str, str], shell: Snapshot, names: tuple[str, ...]) -> None:
    assert snapshot.differences(service, shell) == names
