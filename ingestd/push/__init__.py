"""Live broadcasts, sent on to other places by RTMP.

The source is the public playlist, which every segment enters exactly once whatever happens to
encoders: so a push sees no generation die, needs nothing of nginx, and what fails here touches no
broadcast. FFmpeg turns the segments of one generation into FLV (stream copy, from pipe to pipe);
the RTMP connection is our own (:mod:`ingestd.push.rtmp`) and outlives generations. Why not:

* FFmpeg as the RTMP client: the key stands in the process list. Options from a file (``-fpre``) hide
  it with FFmpeg 5.1 and are ignored in silence by FFmpeg 9 (both tried). By its source it names no
  host in TLS (SNI) when it is given the address that was checked.
* PyAV (18.1, tried): it has rtmps, takes 100 MB installed, and connects as FFmpeg does.
* nginx-rtmp's relay, by a redirect: it has no rtmps, and no state to show.
"""
