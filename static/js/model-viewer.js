// A model in 3D. play-viewer.js loads this, and three.js with it, only when somebody wants to look at one.
import {
  Box3, DirectionalLight, HemisphereLight, LoadingManager, MathUtils, PerspectiveCamera, PMREMGenerator, Scene, Sphere,
  TextureLoader, Vector3, WebGLRenderer,
} from "../vendor/three/three.module.min.js";
import { OrbitControls } from "../vendor/three/controls/OrbitControls.js";
import { RoomEnvironment } from "../vendor/three/environments/RoomEnvironment.js";
import { GLTFLoader } from "../vendor/three/loaders/GLTFLoader.js";

const FIELD = MathUtils.degToRad(35);
const STEP = MathUtils.degToRad(10);
const NEARER = 0.85;

// ------------------------------------------------------------------------- the file
// Only what is in the file is shown, nothing that it names elsewhere.
function inside(url) {
  if (!/^(blob|data):/.test(url)) throw new Error("not in the file");
  return url;
}

// The page's policy allows blob: to pictures, and not to fetch(), with which the loader would read its textures.
function texturesAsPictures(parser) {
  parser.textureLoader = new TextureLoader(parser.options.manager);
  return { name: "textures_as_pictures" };
}

async function parsed(bytes) {
  if (new DataView(bytes).getUint32(8, true) > bytes.byteLength) throw new Error("cut off");
  const loader = new GLTFLoader(new LoadingManager().setURLModifier(inside)).register(texturesAsPictures);
  return (await loader.parseAsync(bytes, "")).scene;
}

function measured(model) {
  const box = new Box3().setFromObject(model, true);
  if (box.isEmpty()) throw new Error("nothing to see");
  let corners = 0;
  let triangles = 0;
  let isMetal = false;
  model.traverse((part) => {
    if (!part.isMesh) return;
    const { index, attributes } = part.geometry;
    const times = part.isInstancedMesh ? part.count : 1;
    corners += attributes.position.count * times;
    triangles += ((index || attributes.position).count / 3) * times;
    isMetal ||= part.material.metalness > 0;
  });
  return { box, corners, triangles, isMetal, size: box.getSize(new Vector3()).toArray() };
}

function disposeOf(model) {
  model.traverse((part) => {
    if (part.geometry) part.geometry.dispose();
    [part.material || []].flat().forEach((material) => {
      Object.values(material).forEach((value) => { if (value && value.isTexture) value.dispose(); });
      material.dispose();
    });
  });
}

// ------------------------------------------------------------------------ the scene
// A lamp beside the camera and light from above and below. Metal shows only what is around it, so it gets a room; that is
// seconds of work where no graphics card helps, so nothing else gets one. Returns what there is to dispose of.
function lit(scene, camera, renderer, isMetal) {
  const lamp = new DirectionalLight(0xffffff, 1.8);
  lamp.position.set(-1, 1, 1);
  camera.add(lamp);
  scene.add(camera, new HemisphereLight(0xffffff, 0x9090a0, 2.2));
  if (!isMetal) return [];
  const generator = new PMREMGenerator(renderer);
  const room = new RoomEnvironment();
  const around = generator.fromScene(room, 0, 0.1, 100, { size: 64 });
  scene.environment = around.texture;
  [room, generator].forEach((one) => one.dispose());
  return [around];
}

// Puts the camera where the whole model fits into the picture, whatever its shape.
function fit(camera, controls, box) {
  const ball = box.getBoundingSphere(new Sphere());
  const radius = ball.radius || 1;
  const half = Math.min(FIELD / 2, Math.atan(Math.tan(FIELD / 2) * camera.aspect));
  const distance = radius / Math.sin(half);
  camera.near = radius / 100;
  camera.far = distance * 20;
  camera.updateProjectionMatrix();
  camera.position.setFromSphericalCoords(distance, MathUtils.degToRad(75), MathUtils.degToRad(30)).add(ball.center);
  controls.target.copy(ball.center);
  controls.minDistance = radius / 5;
  controls.maxDistance = distance * 5;
  controls.update();
}

// The model on the canvas. It is drawn when something has changed, and all the time only while it turns by itself.
function viewOf(canvas, model, { box, isMetal }) {
  const renderer = new WebGLRenderer({ canvas, antialias: true, alpha: true });
  const scene = new Scene().add(model);
  const camera = new PerspectiveCamera(MathUtils.radToDeg(FIELD));
  const lights = lit(scene, camera, renderer, isMetal);
  const controls = new OrbitControls(camera, canvas);
  const view = { controls, isSeen: true, ask, reset: () => fit(camera, controls, box), resize, end };
  let asked = 0;
  let before = 0;
  function frame(now) {
    asked = 0;
    if (controls.autoRotate) {
      controls.update(Math.min(now - before, 100) / 1000);
      ask();
    }
    before = now;
    renderer.render(scene, camera);
  }
  function ask() {
    if (!asked && view.isSeen) asked = window.requestAnimationFrame(frame);
  }
  function resize(width, height) {
    renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    renderer.setSize(width, height, false);
    camera.aspect = width / (height || 1);
    camera.updateProjectionMatrix();
    renderer.render(scene, camera);
  }
  function end() {
    view.isSeen = false;
    window.cancelAnimationFrame(asked);
    disposeOf(model);
    [controls, ...lights, renderer].forEach((one) => one.dispose());
    renderer.forceContextLoss();
  }
  controls.addEventListener("change", ask);
  return view;
}

// ------------------------------------------------------------------------- the page
// What keys do, and the buttons by the names in their data-do.
function actionsOf({ controls, reset }, turns) {
  return {
    ArrowLeft: () => controls.rotateLeft(-STEP),
    ArrowRight: () => controls.rotateLeft(STEP),
    ArrowUp: () => controls.rotateUp(-STEP),
    ArrowDown: () => controls.rotateUp(STEP),
    "+": () => controls.dollyIn(NEARER),
    "=": () => controls.dollyIn(NEARER),
    "-": () => controls.dollyOut(NEARER),
    turn: () => turns(!controls.autoRotate),
    reset,
  };
}

// Sizes, rests while nobody sees it, and ends with its place in the page.
function watched(frame, view) {
  const sizes = new ResizeObserver(() => view.resize(frame.clientWidth, frame.clientHeight));
  const sight = new IntersectionObserver((changes) => {
    view.isSeen = changes.at(-1).isIntersecting;
    view.ask();
  });
  const presence = new MutationObserver(() => {
    if (frame.isConnected) return;
    [sizes, sight, presence].forEach((observer) => observer.disconnect());
    view.end();
  });
  [sizes, sight].forEach((observer) => observer.observe(frame));
  presence.observe(document, { childList: true, subtree: true });
}

// Shows the model in the canvas of `place` and returns how large it is. Fails where the bytes are no model.
export async function show(place, bytes) {
  const model = await parsed(bytes);
  const facts = measured(model);
  if (!place.isConnected) return facts;
  place.hidden = false;
  const [frame, turn] = [".model-frame", "[data-do=turn]"].map((one) => place.querySelector(one));
  const view = viewOf(frame.querySelector("canvas"), model, facts);
  const { controls } = view;
  function turns(value) {
    controls.autoRotate = value;
    turn.setAttribute("aria-pressed", value);
    view.ask();
  }
  const actions = actionsOf(view, turns);
  place.querySelectorAll("[data-do]").forEach((one) => one.addEventListener("click", actions[one.dataset.do]));
  frame.addEventListener("keydown", (event) => {
    if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    turns(false);
    actions[event.key]();
  });
  // The wheel zooms where one is at work, and scrolls the page over a model that one only comes by.
  controls.enableZoom = false;
  ["focus", "blur"].forEach((name) => frame.addEventListener(name, () => { controls.enableZoom = name === "focus"; }));
  controls.addEventListener("start", () => {
    frame.focus({ preventScroll: true });
    turns(false);
  });
  view.resize(frame.clientWidth, frame.clientHeight);
  view.reset();
  watched(frame, view);
  turns(!window.matchMedia("(prefers-reduced-motion: reduce)").matches);
  return facts;
}
