// A browser's <video> and <img>: a page of the gateway shows a drone's camera, by the
// cookie of whoever signed in.
//
//   browser.mjs URL KEY PATH PICTURES     PATH without its .mp4 or .mjpeg

import { launch, person, signIn } from '../browser/world.js';

const [url, key, path, pictures] = process.argv.slice(2);
const browser = await launch();
try {
  const them = await person(browser, { url, language: 'en', size: [1200, 800] });
  await signIn(them, key);
  const shown = await them.page.evaluate(
    async ({ path, pictures }) => {
      const video = document.createElement('video');
      video.muted = true;
      video.src = `${path}.mp4`;
      document.body.append(video);
      await video.play();
      const count = () => video.getVideoPlaybackQuality().totalVideoFrames;
      while (count() < pictures) {
        await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      }
      const frames = count();
      video.remove();
      const image = document.createElement('img');
      image.src = `${path}.mjpeg`;
      document.body.append(image);
      while (!image.naturalWidth) await new Promise((resolve) => setTimeout(resolve, 50));
      return { frames, video: [video.videoWidth, video.videoHeight], image: [image.naturalWidth, image.naturalHeight] };
    },
    { path, pictures: Number(pictures) },
  );
  console.log(JSON.stringify(shown));
  const size = JSON.stringify([960, 720]);
  if (JSON.stringify(shown.video) !== size || JSON.stringify(shown.image) !== size) throw new Error('another size');
} finally {
  await browser.close();
}
