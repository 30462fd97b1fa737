cgd --prompts "a red star:1|night:-0.1" --image_size 256 --width_offset 64 \
    --timestep_respacing ddim100 --num_cutouts 32 --clip_model ViT-B/32 --skip_timesteps 10 --init_scale 100
