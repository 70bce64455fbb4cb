from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import path

from . import views

urlpatterns = [
    path("", views.index),
    path("post/<int:pk>/", views.post),
    path("post/<int:pk>/comment/", views.comment),
    path("post/<int:pk>/upload/", views.upload),
    path("media/posts/<str:name>", views.media),
    path("account/", views.account),
    path("random/", views.random_page),
    path("old/<int:pk>/", views.moved),
    path("stats/", views.stats),
    path("login/", auth.LoginView.as_view(template_name="login.html")),
    path("logout/", auth.LogoutView.as_view(next_page="/")),
    path("admin/", admin.site.urls),
]
