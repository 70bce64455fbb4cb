"""What an application does for the cache before it: a PURGE for what an edit changes, once it is committed. Sent earlier, a reader
could fetch the old page between the purge and the commit, and the cache would rightly keep it.
"""
import urllib.request

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from .models import Comment, Post


def purge(post_id):
    if not settings.PURGE_URL:
        return
    request = urllib.request.Request(settings.PURGE_URL + "/", method="PURGE", headers={"Surrogate-Key": f"post-{post_id} posts"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        answer.read()


@receiver(post_save, sender=Post)
def post_changed(sender, instance, **kwargs):
    transaction.on_commit(lambda: purge(instance.pk))


@receiver(post_save, sender=Comment)
def comment_added(sender, instance, **kwargs):
    transaction.on_commit(lambda: purge(instance.post_id))
