/** Watch `url` by WHEP until 60 pictures are decoded; what was seen and heard by then, and how it ended. */
async (url) => {
  const peer = new RTCPeerConnection();
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = new MediaStream();
  peer.ontrack = ({ track }) => video.srcObject.addTrack(track);
  for (const kind of ["audio", "video"]) peer.addTransceiver(kind, { direction: "recvonly" });
  await peer.setLocalDescription();
  const headers = { "Content-Type": "application/sdp" };
  const answer = await fetch(url, { method: "POST", body: peer.localDescription.sdp, headers });
  if (answer.status !== 201) return { status: answer.status, text: await answer.text() };
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  const session = new URL(answer.headers.get("Location"), url);
  void video.play();
  const found = { frames: 0, samples: 0, time: 0, left: 0, delay: 0 };
  for (let look = 0; look < 300 && (found.frames < 60 || !found.samples || !found.time); look++) {
    await new Promise((then) => setTimeout(then, 100));
    for (const report of (await peer.getStats()).values()) {
      if (report.type !== "inbound-rtp") continue;
      if (report.kind === "audio") found.samples = report.totalSamplesReceived;
      else {
        found.frames = report.framesDecoded;
        found.delay = report.jitterBufferDelay / report.jitterBufferEmittedCount;
      }
    }
    found.time = video.currentTime;
  }
  found.left = (await fetch(session, { method: "DELETE" })).status;
  peer.close();
  return found;
}
