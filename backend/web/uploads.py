"""Uploads: images only, re-encoded, private to who sent them."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import fields

from backend.kit import db, files
from backend.kit.errors import FieldError, NotFound
from backend.web import api
from backend.web.callers import IdentityNotBound, allow, current
from backend.web.problems import problems
from backend.web.schemas import View

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 40_000_000

blp = api.blueprint("files", "图片上传")


class FileView(View):
    """A kept file."""

    id = fields.UUID(required=True)


UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
                }
            }
        },
    }
}


@blp.route("/files", methods=["POST"])
@allow("files.upload")
@api.accepts(MOST_BYTES)
@blp.doc(**UPLOAD)
@blp.response(201, FileView)
@problems(FieldError, IdentityNotBound, files.NotAnImage, files.ImageTooLarge, files.TooManyImages)
def upload_file() -> dict[str, Any]:
    """Upload one image for a later submission.

    Field `file` of a multipart form: JPEG, PNG or WebP, 10 MiB and 40 megapixels at most. It is re-encoded, its
    metadata (place, device, time) is dropped, and only its owner and who reviews it can read it. 300 within 24 hours.
    A picture that staff upload belongs to the account, not to the organisation.
    """
    upload = request.files.get("file")
    if upload is None or len(request.files) != 1 or request.form:
        raise FieldError.at("/file", "请用 multipart/form-data 的 file 字段上传一张图片。", "Send one image as `file`.")
    owner = current().uploader_id
    with db.reading() as reader:
        files.refuse_flood(reader, owner)
    picture = files.read_image(upload.stream, max_bytes=MOST_BYTES, max_pixels=MOST_PIXELS)
    with db.transaction() as session:
        return {"id": files.store_image(session, owner, picture)}


@blp.route("/files/<uuid:file_id>")
@allow("files.upload")
@blp.response(200, {"type": "string", "format": "binary"}, content_type="image/webp")
@problems(NotFound, IdentityNotBound)
def show_file(file_id: Any) -> Response:
    """Show one's own uploaded image."""
    with db.reading() as reader:
        media_type, data = files.open_image(reader, current().uploader_id, file_id)
    return Response(data, content_type=media_type)
