import threading
import time

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import never_cache

from .models import Comment, Post

RENDER_SECONDS = 0.05                # what a page costs

_lock = threading.Lock()
_renders = {}


def _rendered(page):
    with _lock:
        _renders[page] = _renders.get(page, 0) + 1
    slow = settings.BASE / "slow"    # the tests' brake: pages are rendered from what was read before it
    time.sleep(float(slow.read_text()) if slow.exists() else RENDER_SECONDS)


def _shared(request, response, *tags):
    """Pages for everybody are public; those that greet somebody are not."""
    if request.user.is_authenticated:
        patch_cache_control(response, private=True, max_age=0)
    else:
        patch_cache_control(response, public=True, max_age=300)
        response["Surrogate-Key"] = " ".join(tags)
    return response


def index(request):
    posts = list(Post.objects.order_by("pk"))
    _rendered("/")
    return _shared(request, render(request, "index.html", {"posts": posts}), "posts")


def post(request, pk):
    found = get_object_or_404(Post, pk=pk)
    comments = list(found.comment_set.order_by("pk"))
    _rendered(request.path)
    return _shared(request, render(request, "post.html", {"post": found, "comments": comments}), f"post-{pk}")


def comment(request, pk):
    found = get_object_or_404(Post, pk=pk)
    if request.method == "POST":
        Comment.objects.create(post=found, author=request.user.username or "a visitor", text=request.POST["text"])
        return redirect(f"/post/{pk}/")
    return render(request, "comment.html", {"post": found})


@login_required
def upload(request, pk):
    found = get_object_or_404(Post, pk=pk)
    if request.method == "POST":
        found.picture = request.FILES["picture"]
        found.save()
        return redirect(f"/post/{pk}/")
    return render(request, "upload.html", {"post": found})


def media(request, name):
    path = settings.MEDIA_ROOT / "posts" / name
    if not path.is_file() or "/" in name:
        raise Http404
    return FileResponse(path.open("rb"))


@login_required
def account(request):
    return render(request, "account.html")


@never_cache
def random_page(request):
    _rendered("/random/")
    return HttpResponse(f"made at {time.monotonic_ns()}")


def moved(request, pk):
    return redirect(f"/post/{pk}/", permanent=True)


@never_cache
def stats(request):
    with _lock:
        return JsonResponse(_renders)
